"""What can be told from the text: names and their bindings, loops, calls and their arguments, types that were seen."""
