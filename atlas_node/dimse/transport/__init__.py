"""What the node replaces of pynetdicom's transport; `scp` and `scu` use it."""
