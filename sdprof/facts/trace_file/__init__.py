"""A trace file parsed into columns: text in, numbers and names out, without anything that computes."""
