"""Parts of the evaluation of labels; `castline.attribution.evaluate` puts them together."""
