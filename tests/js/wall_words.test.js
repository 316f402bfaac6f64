"use strict";
const test = require("node:test");
const assert = require("node:assert");
const { muster, texts, NOW, ZH, s } = require("./screen.js");
const { timer, ago, span, clock, date, count, say, stopwatch } = muster.words;
const { settings, intent, linkView } = muster.shell;

test("a timer runs mm:ss to an hour, then h:mm, then days", () => {
  assert.deepEqual([timer(s(42)), timer(s(3599)), timer(s(3600)), timer(s(90_061), ZH), timer(s(4 * 86_400), ZH), timer(null)], ["00:42", "59:59", "1:00", "25:01", "4 天", "—"]);
});

test("an elapsed mode shows its seconds", () => assert.equal(stopwatch(s(8076)), "02:14:36"));

test("ages are said in the language of the page", () => {
  assert.deepEqual([ago(ZH, s(6)), ago(ZH, s(200)), ago(texts("en"), s(7300)), span(s(95)), span(undefined)], ["6 s 前", "3 min 前", "2 h ago", "1 min", "—"]);
});

test("clock and date are the centre's, wherever the screen stands", () => {
  assert.equal(clock(NOW), "14:32:07");
  assert.equal(date(ZH, NOW), "2026-11-22 周日");
  assert.equal(date(texts("en"), NOW), "Sun 22 Nov 2026");
  assert.equal(clock(Date.UTC(2026, 10, 22, 16, 0, 0)), "00:00:00");
});

test("whole numbers are grouped from five digits on, and the unknown is a dash", () => {
  assert.deepEqual([count(2981), count(12345), count(1234567), count(undefined)], ["2981", "12\u2009345", "1\u2009234\u2009567", "—"]);
});

test("a text without its parameter reads a dash, an unknown key is shown as it is", () => {
  assert.equal(say(ZH, "alarm.unit_lost", {}), "— 失联");
  assert.equal(say(ZH, "no.such.key"), "no.such.key");
});

test("the address decides scale, theme, kiosk and preset; nonsense is ignored", () => {
  assert.deepEqual(settings("?scale=1.8&theme=light&kiosk=1&preset=3", {}), { scale: 1.8, theme: "light", kiosk: true, keys: true, preset: 3 });
  assert.deepEqual(settings("?scale=99&theme=pink&kiosk=0&preset=9", { theme: "light", keys: false }), { scale: 1, theme: "dark", kiosk: false, keys: false, preset: 1 });
});

test("keys do what the sheet says, never while somebody types, and not with a modifier", () => {
  const press = (key, more = {}, pending = "", on = true) => intent({ key, ...more }, pending, on);
  assert.deepEqual([press("f").name, press("k").name, press("t").name, press("?").name, press("3").n], ["fullscreen", "kiosk", "theme", "help", 3]);
  assert.equal(press("f", { typing: true }), null);
  assert.equal(press("f", { ctrlKey: true }), null);
  assert.equal(press("7"), null);
  assert.deepEqual(press("w", {}, "g"), { name: "go", to: "/wall" });
});

test("single-letter keys can be switched off, help and Escape stay", () => {
  assert.equal(intent({ key: "f" }, "", false), null);
  assert.deepEqual([intent({ key: "?" }, "", false).name, intent({ key: "Escape" }, "", false).name], ["help", "close"]);
});

const word = (key, params) => say(ZH, key, params);

test("a live link shows no banner", () => {
  assert.deepEqual(linkView({ state: "live", silent_ms: 100, data_at: NOW }, word), { state: "live", tag: "实时", glyph: "state-live", banner: "" });
});

test("a lost link says since when, of when the data is, and when it tries again", () => {
  const v = linkView({ state: "lost", silent_ms: s(41), data_at: NOW - s(41), retry_in_ms: 7400 }, word);
  assert.equal(v.banner, "与服务器断开 00:41 · 以下为 14:31:26 的数据");
  assert.equal(v.tag, "已断开 00:41 · 8 s 后重试");
  assert.equal(v.glyph, "state-lost");
});

test("a late link marks the page too", () => {
  const v = linkView({ state: "late", silent_ms: s(12), data_at: NOW - s(12), retry_in_ms: null }, word);
  assert.deepEqual([v.state, v.tag, v.banner], ["late", "延迟 12 s", "数据延迟 00:12 · 以下为 14:31:55 的数据"]);
});

test("a page that never got anything says so after five seconds", () => {
  assert.equal(linkView({ state: "connecting", silent_ms: s(4), data_at: null }, word).banner, "");
  assert.equal(linkView({ state: "connecting", silent_ms: s(6), data_at: null }, word).banner, "尚未连上服务器 · 00:06");
});

test("an ended session is told, not hidden behind a countdown", () => {
  assert.equal(linkView({ state: "lost", ended: "session", silent_ms: s(6), data_at: NOW }, word).banner, "登录已失效，请重新登录");
});
