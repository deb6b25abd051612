"""Other servers, each run by an interpreter that has it: scripts, and nothing that is imported here."""
