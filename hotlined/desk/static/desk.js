// The desk's one script; every page works without it. It renews a page that is looked at, and gives buttons their keys.
"use strict";
(() => {
  const EVERY_SECONDS = 15;
  const UNTOUCHED_SECONDS = 600; // then nobody looks, and the desk may end
  const main = document.getElementById("main");
  const words = document.currentScript.dataset; // in the language of the line

  const row = (place, turn) => {
    const foot = document.createElement("footer");
    const button = document.createElement("button");
    button.type = "button";
    const say = (text, next) => { place.textContent = text; button.textContent = next; };
    button.addEventListener("click", turn);
    foot.className = "renewal";
    foot.append(place, button);
    main.after(foot);
    return say;
  };

  const renew = () => {
    let on = true;
    let touched = Date.now();
    const say = row(document.createElement("span"), () => { on = !on; touched = Date.now(); tell(); if (on) look(); });
    const tell = () => on ? say(words.renewing, words.stop) : say(words.still, words.renew);
    const isInUse = () =>
      main.contains(document.activeElement) && document.activeElement !== main ||
      main.querySelector("details[open]") || String(document.getSelection()) !== "";
    const look = async () => {
      if (!on || document.hidden || isInUse()) return;
      try {
        const answer = await fetch(location.href, { cache: "no-store" });
        if (!answer.ok || answer.redirected) { on = false; tell(); return; }
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        if (!on || isInUse()) return;
        for (const part of ["main", "band", "bar"]) {
          const [old, news] = [document, page].map((each) => each.getElementById(part));
          if (old && news && news.outerHTML !== old.outerHTML) {
            old.className = news.className;
            old.replaceChildren(...news.childNodes);
          }
        }
      } catch { on = false; tell(); }
    };
    for (const sign of ["pointerdown", "keydown", "scroll"])
      addEventListener(sign, () => { touched = Date.now(); }, { passive: true });
    setInterval(() => {
      if (on && Date.now() - touched > UNTOUCHED_SECONDS * 1000) { on = false; tell(); }
      look();
    }, EVERY_SECONDS * 1000);
    document.addEventListener("visibilitychange", look);
    tell();
  };

  const keys = () => {
    const isOn = () => localStorage.getItem("keys") !== "off";
    const say = row(document.createElement("span"), () => {
      localStorage.setItem("keys", isOn() ? "off" : "on");
      tell();
    });
    const tell = () => {
      document.body.classList.toggle("no-keys", !isOn());
      if (isOn()) say(words.keyed, words.unkey); else say(words.unkeyed, words.keyAgain);
    };
    addEventListener("keydown", (pressed) => {
      const isPlain = !pressed.ctrlKey && !pressed.altKey && !pressed.metaKey && !pressed.repeat;
      if (!isOn() || !isPlain || /^(INPUT|SELECT|TEXTAREA)$/.test(document.activeElement.tagName)) return;
      const meant = [...document.querySelectorAll("[data-key]")].find((each) => each.dataset.key === pressed.key.toLowerCase());
      if (meant) { pressed.preventDefault(); meant.click(); }
    });
    tell();
  };

  if (main.hasAttribute("data-renews")) renew();
  const isTouched = matchMedia("(hover: none)").matches; // a thumb has no keys
  if (document.querySelector("[data-key]") && !isTouched) keys();
})();
