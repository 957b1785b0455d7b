"""Renderers: each is a pure function from an AuditResult to a text. They read audit.json and nothing else."""
