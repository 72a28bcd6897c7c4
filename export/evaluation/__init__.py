"""Ask a split's queries once and report the field's figures."""
