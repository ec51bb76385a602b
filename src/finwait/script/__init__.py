"""The packetdrill language: its grammar, its syntax tree, and the runner that plays a script on a stage."""
