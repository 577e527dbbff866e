"""The query and retrieve proxy: conversations between a caller and an upstream."""
