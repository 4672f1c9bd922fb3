"""Settings of AdamW that are good on many tasks: how the shipped portfolio is made."""
