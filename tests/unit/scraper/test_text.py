from atlas_scraper.text import join_lines, plain


def test_ligatures_soft_hyphens_and_odd_spaces():
    assert plain("coe\ufb03cient\u00a0of\u00ad \u200bgain") == "coefficient of gain"


def test_lines_of_a_cell():
    assert join_lines("Number of\nechoes") == "Number of echoes"
    assert join_lines("Recon\u00ad\nstruction") == "Reconstruction"
    assert join_lines("Multi-\nslice") == "Multi-slice"
    assert join_lines("MRSeriesScanningTechniqueDe\nscription") == (
        "MRSeriesScanningTechniqueDescription"
    )
