"""From a report to a unit on scene, as those who take part in it live through it."""

import re

from tests.e2e.stage import ENTER, SOON_S, THEN_S, now


def test_a_report_becomes_an_order_that_a_unit_carries_out_while_everyone_watches(district):
    unit = district.unit("越秀一组", on_duty=False)
    wall, console = district.wall(), district.console()
    phone = pair_by_hand(console, unit)
    console.go("/console")
    console.is_live()
    phone.start_duty()

    district.report("仓库起火")
    console.wait(lambda: console.row("queue-rows", "仓库起火"), SOON_S, "the report in the queue")
    wall.wait(lambda: wall.row("alarms-rows", "仓库起火"), SOON_S, "the report on the wall")
    wall.wait(lambda: wall.counter("unacked") == "1", THEN_S, "the counter of alarms")

    console.press("j", "d")  # D need not wait for the recommendation to come
    console.wait(lambda: console.aims_at() == unit, what="the focus on the unit")
    incident = console.chosen()
    console.press(ENTER)
    phone.wait(lambda: phone.step() == "已派" and phone.rings(), SOON_S, "the order to ring on the phone")
    assert phone.text("#title") == "仓库起火"
    order = district.card("order", lambda one: one["unit"] == unit)["id"]
    wall.wait(lambda: wall.counter("unacked") == "0", THEN_S, "the counter of alarms to go back")

    for button, step in (("接收任务", "接单"), ("出发", "出发"), ("已到场", "到场")):
        assert phone.text("#next") == button
        phone.tap("#next")
        console.wait(lambda step=step: has_time(console.steps(order), step), THEN_S, f"{step} on the console")
    wall.wait(
        lambda: "1 组到场" in wall.rows("alarms-rows")[f"alarm:incident_untaken:incident:{incident}"],
        THEN_S,
        "that on the wall",
    )
    phone.wait(lambda: phone.shown("#slide"), what="the slider")
    phone.slide()
    console.wait(lambda: has_time(console.steps(order), "完成"), THEN_S, "完成 on the console")
    for step in ("已派", "送达", "已读", "接单", "出发", "到场", "完成"):
        assert has_time(console.steps(order), step), console.steps(order)
    phone.wait(lambda: phone.shown("#idle"), what="the phone to be idle again")

    console.tap("#console-close")
    wall.wait(lambda: incident not in wall.ids("incident"), THEN_S, "the wall to forget the incident")
    wall.wait(lambda: not wall.row("alarms-rows", "仓库起火"), THEN_S, "the row to leave the wall")
    wall.wait(lambda: wall.counter("open") == "0", THEN_S, "the counter of incidents to go back")


def test_what_is_done_without_a_connection_arrives_once_and_in_order(district):
    unit = district.unit("天河一组", on_duty=False)
    console, phone = district.console(), district.phone(unit)
    phone.forgiven = "ERR_INTERNET_DISCONNECTED"
    phone.start_duty()
    console.choose(district.incident("商铺起火"))
    order = console.send(unit)
    phone.wait(lambda: phone.text("#next") == "接收任务", what="the order")

    phone.cut()
    phone.wait(lambda: "离线" in phone.text("#link"), THEN_S, "the phone to notice")
    phone.tap("#next")
    phone.wait(lambda: phone.text("#next") == "出发", what="the next step")
    phone.tap("#next")
    phone.wait(lambda: phone.step() == "出发" and phone.text("#link") == "✕ 离线 · 已保存 2 条待上传", what="two saved")
    assert "接单" not in console.steps(order)

    phone.cut(off=False)
    phone.wait(
        lambda: phone.text("#link").startswith("● 在线") and "已保存" not in phone.text("#link"), what="all sent"
    )
    console.wait(lambda: has_time(console.steps(order), "出发"), THEN_S, "出发 on the console")
    said = [kind for kind in district.history(f"order:{order}") if kind in ("order.accepted", "order.en_route")]
    assert said == ["order.accepted", "order.en_route"]
    phone.tap("#next")
    console.wait(lambda: has_time(console.steps(order), "到场"), THEN_S, "到场 on the console")


def test_an_order_is_taken_back_and_the_next_one_is_declined_and_goes_to_another_unit(district):
    near = district.unit("黄埔一组", on_duty=False)
    other = district.unit("黄埔二组", north_m=3000)
    console, phone = district.console(), district.phone(near)
    phone.start_duty()
    console.choose(district.incident("厂房冒烟"))
    order = console.send(near)
    phone.wait(lambda: phone.shown("#task"), what="the order")
    console.wait(lambda: "黄埔一组" in console.toast(), what="what was sent, and the way back")
    console.press("z")
    phone.wait(lambda: "已撤回" in phone.text("#notices"), SOON_S, "the notice on the phone")
    phone.wait(lambda: phone.shown("#idle"), what="the phone to be idle again")
    assert phone.rings() > 0
    console.wait(lambda: "已撤回" in console.rows("order-rows")[f"order:{order}"], THEN_S, "撤回 on the console")
    phone.tap("#notices button")
    phone.wait(lambda: not phone.shown("#notices .notice"), what="the notice to be put away")

    order = console.send(near)
    phone.tap("#decline")
    phone.tap("#decline-dialog [data-reason='no_crew']")
    alarm = f"alarm:order_declined:order:{order}"
    console.wait(lambda: "黄埔一组" in console.rows("queue-rows").get(alarm, ""), SOON_S, "the alarm on the console")
    console.wait(lambda: "人员不足" in console.text("#console-timeline"), what="the reason in the timeline")
    assert "拒单" in console.rows("order-rows")[f"order:{order}"]
    assert phone.shown("#idle")

    # Who has declined is not recommended first again, however near.
    console.wait(lambda: console.candidates() == [other, near], what="the other unit to be recommended")
    second = console.send(other)
    console.wait(lambda: alarm not in console.rows("queue-rows"), THEN_S, "the alarm to be over")
    assert district.card("order", lambda one: one["id"] == second)["unit"] == other


def test_an_order_nobody_answers_rings_at_the_console_and_on_the_wall_until_somebody_does(district):
    unit = district.unit("白云一组", on_duty=False)
    wall, console, phone = district.wall(), district.console(), district.phone(unit)
    phone.start_duty()
    console.choose(district.incident("民宅起火", severity=2))
    sent_at = now()
    order = console.send(unit)
    phone.wait(lambda: phone.shown("#limit"), what="the limit on the phone")
    for page, part in ((console, "queue-rows"), (wall, "alarms-rows")):
        page.wait(
            lambda page=page, part=part: page.row(part, "指令未回执 · 白云一组"), 3 + SOON_S, f"the alarm in {part}"
        )
    assert now() - sent_at >= 3000, "the limit of this centre is 3 s"
    console.wait(lambda: "超时" in console.rows("order-rows")[f"order:{order}"], THEN_S, "the order to be marked")
    phone.wait(lambda: "回执超时" in phone.text("#limit"), what="the phone to say that it is late")

    # An answer ends the condition; the alarm stays until somebody says that it was seen.
    phone.tap("#next")
    for page, part in ((console, "queue-rows"), (wall, "alarms-rows")):
        page.wait(lambda page=page, part=part: page.row(part, "已恢复·未确认"), THEN_S, f"the answer in {part}")
    console.press("j", "a")
    for page, part in ((console, "queue-rows"), (wall, "alarms-rows")):
        page.wait(lambda page=page, part=part: not page.row(part, "指令未回执"), THEN_S, f"the alarm to leave {part}")


def test_a_better_unit_that_comes_up_does_not_slip_under_the_finger(district):
    far = district.unit("远处一组", north_m=3000)
    console = district.console()
    incident = district.incident("阳台起火", external_ref="call-1")
    console.choose(incident)
    console.wait(lambda: console.candidates() == [far], what="the recommendation")
    console.press("d")
    console.wait(lambda: console.aims_at() == far, what="the focus on the unit")

    near = district.unit("近处一组", north_m=200)
    district.report("阳台起火", external_ref="call-1", text="火势变大")
    console.wait(lambda: console.candidates() == [near, far], what="the nearer unit to be recommended")
    assert console.aims_at() == far
    console.press(ENTER)
    assert district.card("order", lambda one: one["incident"] == incident)["unit"] == far


def test_two_commanders_reach_for_one_incident_and_one_of_them_has_it(district):
    incident = district.incident("高空坠物", category="other", severity=3)
    pair = {"李指挥": district.console("李指挥"), "王指挥": district.console("王指挥")}
    for console in pair.values():
        console.choose(incident)
    at = now() + 400
    for console in pair.values():
        console.js(
            "setTimeout(() => document.body.dispatchEvent(new KeyboardEvent('keydown', {key: 'a', bubbles: true})),"
            " arguments[0] - Date.now())",
            at,
        )
    for console in pair.values():
        console.wait(console.toast, what="what came of it")
    owner = district.card("incident", lambda one: one["id"] == incident)["owner"]
    assert owner in pair
    for name, console in pair.items():
        assert ("已由您受理" if name == owner else f"已由 {owner}") in console.toast()
        console.wait(lambda console=console: owner in console.text("[data-part='facts']"), what="the owner")
    assert district.history(f"incident:{incident}").count("incident.taken") == 1


def test_a_report_is_taken_at_the_console_by_keyboard_and_who_called_stays_secret(district):
    caller = "赵不留名"
    district.incident("垃圾桶起火", severity=3)
    wall, console = district.wall(), district.console()
    console.press("r")
    typed = {
        "report-title": "楼道冒烟",
        "report-place": "解放路 20 号",
        "report-lat": f"{district.lat + 0.0005:.5f}",
        "report-lon": f"{district.lon:.5f}",
        "report-text": "三楼有浓烟",
        "report-people": "2",
        "report-caller": caller,
        "report-phone": "13800138000",
    }
    for field, words in typed.items():
        console.tab_to(field)
        console.press(words)
        if field == "report-lon":
            console.wait(lambda: "垃圾桶起火" in console.text("#report-duplicates"), what="the possible duplicate")
    console.tab_to("report-send")
    console.press(ENTER)
    console.wait(lambda: "已立案" in console.toast(), what="the report to be taken")
    incident = district.card("incident", lambda one: one["title"] == "楼道冒烟")
    console.wait(lambda: console.chosen() == incident["id"], what="the new incident to be selected")
    console.wait(lambda: not console.shown("[data-part='report']"), what="the form to close")
    assert (incident["owner"], incident["people"], incident["sev"]) == ("李指挥", 2, 1)
    assert console.row("queue-rows", "楼道冒烟") == "", "whoever takes a report owns the incident"
    wall.wait(lambda: wall.row("alarms-rows", "楼道冒烟"), THEN_S, "the incident on the wall")

    console.wait(lambda: "楼道冒烟" in console.text("#console-timeline"), what="the timeline")
    for secret in (caller, "13800138000"):
        assert secret not in wall.driver.page_source
        assert secret not in console.driver.page_source
        assert secret not in console.js(
            "return [...document.querySelectorAll('input, textarea')].map((n) => n.value).join()"
        )
        for view in ("wall", "console"):
            assert secret not in str(district.picture(view))


def pair_by_hand(console, unit):
    """Let the commander make a pairing link on the home page, and the leader open it on the phone."""
    console.go("/")
    console.driver.find_element("name", "unit_id").send_keys(unit)
    console.tap("form[action='/pair'] button")
    link = console.wait(
        lambda: console.driver.find_element("id", "pair-link").get_attribute("href"), what="the pairing link"
    )
    return console.district.phone(unit, link)


def has_time(steps, step):
    return re.search(rf"{step} \d\d:\d\d:\d\d", steps)
