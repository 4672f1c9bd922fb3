"""The claims of the course, each over many seeds; see `README.md` of this folder."""
