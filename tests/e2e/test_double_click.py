"""An impatient hand does a thing once."""


def test_a_report_that_is_sent_with_a_double_click_is_one_incident(district):
    console = district.console()
    console.press("r")
    typed = {
        "report-title": "双击起火",
        "report-place": "解放路 20 号",
        "report-lat": f"{district.lat:.5f}",
        "report-lon": f"{district.lon:.5f}",
    }
    for field, words in typed.items():
        console.tab_to(field)
        console.press(words)
    console.tab_to("report-send")
    console.js("const b = document.getElementById('report-send'); b.click(); setTimeout(() => b.click(), 15);")
    console.wait(lambda: "已立案" in console.toast(), what="the report to be taken")
    console.wait(lambda: not console.shown("[data-part='report']"), what="the form to close")
    district.card("incident", lambda one: one["title"] == "双击起火")
    found = [one for one in district.picture("console")["cards"]["incident"].values() if one["title"] == "双击起火"]
    assert len(found) == 1
