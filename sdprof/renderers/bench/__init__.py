"""A bench as text, as a table for a spreadsheet, and as a page with its charts."""
