"""Attention written as products and a softmax, computed by one fused operator instead.

A module's own forward keeps running. What changes is that the product of queries and keys is not computed where it is
written but noted (``deferred``), that scaling, masks, casts and the softmax on it are noted too, and that the product
with the values then calls ``scaled_dot_product_attention`` with all that was noted (``kernel``). So nothing depends on
how a module is written, what its parts are called, or what it does besides; and whatever is done with the scores that
cannot be noted gets the real tensor, as before.
"""
