"""The system parameter files: they parse, their defaults are allowed, and they hold what CIAO's tools declare.

The rows were typed from the tables of CIAO 4.18's tools: names, order, types, modes, defaults, ranges.
"""

from __future__ import annotations

import pytest

from ciaopy.param import Evaluator, ParFile, open_parameters, system_par_dir
from ciaopy.param.values import is_deferred

PATHS = sorted(system_par_dir().glob("*.par"))


@pytest.fixture(params=PATHS, ids=lambda p: p.stem)
def par_file(request) -> ParFile:
    return ParFile.read(request.param)


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.strip().splitlines()]


def test_mode_is_last(par_file):
    *_, last = par_file
    assert (last.name, last.type, last.mode) == ("mode", "s", "h")
    assert last.default == ("h" if par_file.tool in {"ardlib", "geom"} else "ql")


def test_every_parameter_has_a_prompt_of_one_line(par_file):
    for parameter in par_file:
        if parameter.name != "mode":
            assert 0 < len(parameter.prompt) <= 100, parameter
            assert parameter.prompt == parameter.prompt.strip()


def test_defaults_are_of_their_type_and_in_range(par_file):
    evaluator = Evaluator(par_file)
    for parameter in par_file:
        assert parameter.kind == parameter.type, "plain types only"
        if parameter.default and not is_deferred(parameter.default):
            assert evaluator.check_new(parameter, parameter.default) == parameter.default


def test_redirections_lead_to_a_value(par_file):
    par = open_parameters(par_file.tool, ["mode=h"], mode="r")
    for parameter in par_file:
        if parameter.default.startswith(")"):
            assert not par.text(parameter.name).startswith(")")


def test_files_are_written_one_way(par_file):
    text = par_file.path.read_text()
    assert text.endswith("\n") and "\t" not in text and "\n\n" not in text
    for parameter in par_file:
        assert set(parameter.mode) <= set("ahl")
        quoted = f'{parameter.name},{parameter.type},{parameter.mode},"'
        assert (quoted in text) == (parameter.kind in "sf")


def test_verbose_and_clobber_are_alike_everywhere(par_file):
    if "verbose" in par_file:
        verbose = par_file["verbose"]
        assert (verbose.type, verbose.minimum, verbose.maximum) == ("i", "0", "5")
    if "clobber" in par_file:
        assert (par_file["clobber"].type, par_file["clobber"].mode) == ("b", "h")


# name type mode default [enumeration | minimum [maximum]]; '-' is blank
TABLES = {
    "chandra_repro": """
        indir f a ./
        outdir f a -
        root s h -
        badpixel b h yes
        process_events b h yes
        destreak b h yes
        set_ardlib b h yes
        check_vf_pha b h no
        pix_adj s h default default|edser|none|randomize|centroid
        tg_zo_position s h evt2
        tg_orders s h default
        asol_update b h yes
        pi_filter b h yes
        patch_hrc_ssc b h no
        cleanup b h yes
        clobber b h yes
        verbose i h 1 0 5
        tools s h native native|ciao
        nproc i h 0 0
        report b h no
        mode s h ql
    """,
    "fluximage": """
        infile s a -
        outroot f a -
        bands s h default
        xygrid s h -
        binsize r h INDEF 0
        asolfile f h -
        badpixfile f h -
        maskfile f h -
        dtffile f h -
        units s h default default|area|time
        expmapthresh s h 1.5%
        background s h default default|time|particle|none
        bkgparams s h [pi=300:500]
        psfecf r h INDEF 0 1
        random i h 0 0
        parallel b h yes
        nproc i h INDEF
        tmpdir s h ${ASCDS_WORK_PATH}
        cleanup b h yes
        clobber b h no
        verbose i h 1 0 5
        tools s h native native|ciao
        frame s h sky sky|object
        preview b h no
        mode s h ql
    """,
    "acis_set_ardlib": """
        badpixfile f a -
        absolutepath b h yes
        ardlibfile f h ardlib
        verbose i h 1 0 5
        mode s h ql
    """,
    "get_sky_limits": """
        image f a -
        precision i h 1 0
        dmfilter s l -
        xygrid s l -
        verbose i h 1 0 5
        mode s h ql
    """,
    "geom": """
        instruments s h CALDB
        aimpoints s h CALDB
        tdet s h CALDB
        sky s h CALDB
        shell s h CALDB
        obsfile s h -
        mode s h h
    """,
    "mkpsfmap": """
        infile f a -
        outfile f a -
        energy r a INDEF
        spectrum f a -
        ecf r a INDEF 0 1
        psffile f h CALDB
        units s h arcsec arcsec|logical|physical
        geompar f h geom.par
        clobber b h no
        mode s h ql
    """,
}


@pytest.mark.parametrize("tool", TABLES)
def test_whole_tables(tool):
    expected = [[*row, "-", "-"][:6] for row in rows(TABLES[tool])]
    found = []
    for p in ParFile.read(system_par_dir() / f"{tool}.par"):
        low = "|".join(p.choices) or p.minimum or "-"
        found.append([p.name, p.type, p.mode, p.default or "-", low, p.maximum or "-"])
    assert found == expected


SPOTS = """
    acis_process_events trail       r 0.027 0 1
    acis_process_events stop        s sky chip|tdet|det|tan|sky|none -
    acis_process_events eventdef    s )stdlev1 - -
    acis_process_events pi_num_bins i 1024 256 32767
    acis_build_badpix   bitflag     s 00000000000000122221100020022222 - -
    acis_build_badpix   biasthresh  i 6 3 4000
    acis_find_afterglow probthresh  r 0.001 1e-10 0.1
    acis_find_afterglow tolerance   r 1e-15 1e-16 1e-06
    destreak            mask        s [status=0,grade=0,2:4,6] - -
    destreak            max_rowloss_fraction r 5e-05 3e-05 1
    hrc_process_events  rand_pix_size r 0.0 0.0|0.5 -
    hrc_process_events  badfile     f lev1_bad_evts.fits - -
    tg_resolve_events   stdlev1     s )eventdef - -
    tg_create_mask      sJ_id       i 10 1 32767
    tg_create_mask      sC_zero_y   r 1 1 65536
    tgextract           outfile_type s pha_typeII pha_typeI|pha_typeII -
    tgdetect            xoffset     i INDEF - -
    mkgrmf              clobber     b yes - -
    asphist             res_roll    r 600.0 - -
    skyfov              method      s minmax minmax|convexhull -
    sso_freeze          lookuptab   f ${ASCDS_CALIB}/dmmerge_header_lookup.txt - -
    dmhedit             datatype    s indef string|double|float|long|short|ulong|ushort|boolean|indef -
    dmkeypar            rval        r INDEF - -
    dmstat              maxiter     i 20 1 -
    dmcoords            chip_id     i INDEF 0 9
    dmcoords            theta       r INDEF 0 10800
    dmregrid            npts        i 0 0 999
    dmextract           opt         s pha1 pha1|pha2|ltc1|ltc2|generic|generic2 -
    dmimgfilt           randseed    i 0 0 65535
    mkinstmap           monoenergy  r 1 0.1 10
    mkexpmap            normalize   b yes - -
    reproject_events    random      i -1 -1 -
    flux_obs            psfmerge    s min exptime|expmap|min|max|mean|median|mid -
    merge_obs           maxsize     i INDEF 1 -
    deflare             method      s clean clean|sigma -
    make_instmap_weights verbose    i 3 0 5
    hrc_bkgrnd_lookup   verbose     i 0 0 5
    patch_hrc_ssc       threshold   i 4000 0 -
    splitobs            outroot     f )indir - -
"""


@pytest.mark.parametrize("row", rows(SPOTS), ids=lambda r: f"{r[0]}.{r[1]}")
def test_single_rows(row):
    tool, name, *expected = row
    p = ParFile.read(system_par_dir() / f"{tool}.par")[name]
    assert [p.type, p.default, "|".join(p.choices) or p.minimum or "-", p.maximum or "-"] == expected


POSITIONAL = {
    "acis_process_events": "infile outfile acaofffile",
    "hrc_process_events": "infile outfile badpixfile acaofffile",
    "acis_build_badpix": "pbkfile berrfile calibfile biasfile evt0file obsfile outfile",
    "mkinstmap": "outfile spectrumfile monoenergy pixelgrid obsfile detsubsys grating maskfile pbkfile",
    "mkexpmap": "asphistfile outfile instmapfile xygrid useavgaspect",
    "dmimgcalc": "infile infile2 outfile operation",
    "dmlist": "infile opt",
    "dmjoin": "infile joinfile outfile join",
    "deflare": "infile outfile method",
    "flux_obs": "infiles outroot",
    "dmregrid": "infile outfile bin rotangle rotxcenter rotycenter xoffset yoffset npts",
    "get_fov_limits": "infile dmfilter xygrid",
    "patch_hrc_ssc": "dtf_infile mtl_infile evt_infile evt_outfile gti_outfile dtf_outfile threshold",
    "acis_clear_status_bits": "evtfile",
}


@pytest.mark.parametrize("tool", POSITIONAL)
def test_positional_order(tool):
    file = ParFile.read(system_par_dir() / f"{tool}.par")
    assert " ".join(p.name for p in file if not p.hidden) == POSITIONAL[tool]


def test_event_definitions():
    par = open_parameters("acis_process_events", ["mode=h"], mode="r")
    assert par["eventdef"] == par["stdlev1"]
    assert par["stdlev1"].startswith("{d:time,l:expno,") and par["stdlev1"].endswith(",s:grade,x:status}")
    for name, has, lacks in (
        ("grdlev1", "s:corn_pha", "s:phas"),
        ("cclev1", "d:time_ro", "s:corn_pha"),
        ("ccgrdlev1", "f:sky_1d", "s:phas"),
        ("cclev1a", "f:tg_mlam", "s:corn_pha"),
        ("ccgrdlev1a", "f:chipy_zo", "s:phas"),
    ):
        columns = open_parameters("acis_process_events", ["mode=h", f"eventdef=){name}"], mode="r")["eventdef"]
        assert has in columns.strip("{}").split(",") and lacks not in columns.strip("{}").split(",")


def test_pix_adj_takes_lower_case_too():
    choices = ParFile.read(system_par_dir() / "acis_process_events.par")["pix_adj"].choices
    ciao = ("EDSER", "CENTROID", "RANDOMIZE", "NONE")
    assert choices == (*ciao, *(item.lower() for item in ciao))


def test_ardlib():
    file = ParFile.read(system_par_dir() / "ardlib.par")
    names = [name for name in file.names if name != "mode"]
    assert len(names) == 76
    assert [n for n in names if n.endswith("_BADPIX_FILE")] == [
        *(f"AXAF_ACIS{i}_BADPIX_FILE" for i in range(10)),
        "AXAF_HRC-I_BADPIX_FILE",
        "AXAF_HRC-S_BADPIX_FILE",
    ]
    for name in names:
        if name.startswith("AXAF_"):
            assert file[name].default == ("NONE" if name.startswith("AXAF_HRC") and "BADPIX" in name else "CALDB")


WANTED = """
    acis_build_badpix acis_clear_status_bits acis_find_afterglow acis_process_events acis_run_hotpix
    acis_set_ardlib ardlib asp_offaxis_corr asphist celldetect chandra_repro check_ciao_caldb deflare destreak
    dmappend dmarfadd dmcoords dmcopy dmextract dmgti dmhedit dmhistory dmimgcalc dmimgfilt dmimgthresh dmjoin
    dmkeypar dmlist dmmakepar dmmerge dmpaste dmreadpar dmregrid dmsort dmstat dmtcalc dmtype2split flux_obs
    fluximage geom get_fov_limits get_sky_limits gti_align hrc_bkgrnd_lookup hrc_build_badpix hrc_dtfstats
    hrc_process_events make_instmap_weights merge_obs mkexpmap mkgarf mkgrmf mkinstmap mkpsfmap mktgresp
    patch_hrc_ssc r4_header_update reproject_events reproject_obs skyfov splitobs sso_freeze tg_create_mask
    tg_findzo tg_resolve_events tgdetect tgdetect2 tgextract tgidselectsrc tgmatchsrc tgsplit
    update_column_range
"""


def test_every_tool_of_the_specification_has_a_file():
    assert set(WANTED.split()) <= {path.stem for path in PATHS}
