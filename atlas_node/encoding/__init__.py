"""Encoded DICOM streams: data element headers, transfer syntaxes, files. No dictionary, no I/O."""
