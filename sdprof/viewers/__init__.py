"""``sdprof view``: TensorBoard, Perfetto and speedscope on this machine alone, without a request to any other."""
