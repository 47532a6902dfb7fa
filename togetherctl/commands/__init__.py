"""The command line: one verb, one file. Commands parse, ask the engine or the configuration, and show."""
