"""The version, which the crate and the package share (a test compares them)."""

VERSION = "0.1.0"
