"""ACIS event science: arrays and small dataclasses in, arrays out.

Events (acis_process_events): `process` runs the steps over row blocks; `grades`, `pulse_height`, `cti`, `gain`,
`subpixel`, `very_faint`, `event_status`, `continuous_clocking` hold one rule each; `recalibration` decides which
columns are computed and which are kept; `event_definition`, `observing_mode`, `event_table` describe files;
`random_numbers` and `chip_tables` serve the others. Bad pixels and streaks: `bad_pixels`, `bias`, `afterglow`,
`destreak`.
"""
