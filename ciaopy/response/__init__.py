"""What lies between the sky and a chip, as parameters name it: geometry, instrument, event calibration."""
