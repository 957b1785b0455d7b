"""The child process: all of torch and all of the user's code run here.

The parent's half (``client``, ``protocol``) imports no torch. The child's half (everything else) is started as
``python -m sdprof.worker``.
"""
