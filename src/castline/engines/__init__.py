"""Engines that see and hear, behind one contract each; weights and their manifests."""
