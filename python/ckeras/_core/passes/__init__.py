"""Passes over a trace's equations, in this order: simplify, epilogue, fuse, plan. None changes a bit of any result."""
