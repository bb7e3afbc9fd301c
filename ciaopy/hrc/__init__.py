"""HRC event science: arrays and small dataclasses in, arrays out.

Events (hrc_process_events): `process` runs the steps over row blocks; `telemetry`, `pulse_height`, `positions`, `gain`,
`bad_areas` hold one rule each; `detector` knows the HRC-I and the HRC-S; `event_table` describes the file.
"""
