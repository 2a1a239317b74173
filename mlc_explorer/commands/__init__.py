"""What the command line does, one function a command: each gives data for ``--json`` and how to print it."""
