"""The DramaSR release: a folder a series, with subtitles, faces, voiceprints and truth.

The layout is that of the released data set (paper: "Reasoning LLM Improves Speaker Recognition in
Long-form TV Dramas", section 3): `subtitle_data/NNNN.json`, `face_data/NNNN.json`,
`face_data/face_info.json`, `sv_embedding/NNNN.npy`, `relation.json`, `init_seeds_*.json`.
"""
