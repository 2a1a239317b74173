"""IRModule → schema: what the panes show, one file a view."""
