"""Measured, never asserted: `make bench-quick`, `make bench`. Each program measures one row of the table of targets."""
