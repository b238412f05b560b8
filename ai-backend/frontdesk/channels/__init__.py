"""The ways in and out, one file each."""
