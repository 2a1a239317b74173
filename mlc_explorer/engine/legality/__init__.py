"""Which transforms apply to what is selected, what one would do, and why one does not: found by trying."""
