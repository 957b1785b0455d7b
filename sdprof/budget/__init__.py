"""``sdprof check``: what an audit may measure at most, and what it may not lose."""
