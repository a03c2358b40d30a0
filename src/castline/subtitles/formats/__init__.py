"""One format a file; see `castline.subtitles.base.Format` for how to add one."""
