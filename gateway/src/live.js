// Shows a page again when its program has changed, and over it what the compiler says of a change that it cannot build.
(() => {
  const shown = Number(new URL(document.currentScript.src).search.slice(1));
  let overlay = null;

  const complain = (text) => {
    overlay?.remove();
    if (!text) return;
    overlay = document.createElement("div");
    overlay.id = "coputer-live";
    // A shadow keeps the page's styles out.
    const inside = overlay.attachShadow({ mode: "open" });
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(`
      :host { all: initial; position: fixed; inset: 0; z-index: 2147483647; background: #14171ae6; overflow: auto; }
      section { max-width: 62rem; margin: 4vh auto; padding: 1.2rem 1.5rem; background: #1c2126; color: #e8e6e1;
        border: 1px solid #2e353c; border-top: .3rem solid #f0906c; border-radius: .6rem; font: 1rem/1.5 system-ui, sans-serif; }
      h1 { margin: 0; font-size: 1.05rem; color: #f0906c; }
      pre { margin: 1rem 0; overflow-x: auto; font: .9rem/1.45 ui-monospace, monospace; tab-size: 4; }
      p { margin: 0; color: #9aa5b1; font-size: .9rem; }
      button { float: right; border: 0; background: none; color: inherit; font: inherit; cursor: pointer; }`);
    inside.adoptedStyleSheets = [sheet];
    const box = document.createElement("section");
    box.setAttribute("role", "alert");
    const close = document.createElement("button");
    close.textContent = "close (Esc)";
    close.onclick = () => complain(null);
    const title = document.createElement("h1");
    title.textContent = "What was written last cannot be built";
    const message = document.createElement("pre");
    message.textContent = text;
    const hint = document.createElement("p");
    hint.textContent = "The page below is from the version before it. It is loaded again as soon as the program can be built.";
    box.append(close, title, message, hint);
    inside.append(box);
    document.documentElement.append(overlay);
  };
  addEventListener("keydown", (event) => event.key === "Escape" && complain(null));

  const follow = async () => {
    for (let after = "";;) {
      try {
        const answer = await fetch(`/.well-known/coputer/live?after=${after}`, { cache: "no-store" });
        const stage = await answer.json();
        if (!stage.complaint && stage.number !== shown) return location.reload();
        if (stage.number !== after) complain(stage.complaint);
        after = stage.number;
      } catch {
        // The tool is not running now; it may be started again.
        await new Promise((done) => setTimeout(done, 500));
      }
    }
  };
  follow();
})();
