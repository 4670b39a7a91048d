// A page whose body says data-fresh="2" asks for itself every two seconds and takes the parts (data-part) of what comes: the
// server renders them, once, in one way. The browser parses them as a document: no script in it runs.
function load(address) {
  return new Promise((resolve) => {
    const request = new XMLHttpRequest();
    request.open("GET", address);
    request.responseType = "document";
    request.timeout = 10000;
    request.onload = () => resolve(request.status === 200 ? request.responseXML : null);
    request.onerror = request.ontimeout = () => resolve(null);
    request.send();
  });
}

function take(fresh) {
  for (const old of document.querySelectorAll("[data-part]")) {
    const now = fresh.getElementById(old.id);
    if (!now || old.contains(document.activeElement) || old.querySelector("details[open]")) continue;
    old.className = now.className;
    old.replaceChildren(...document.importNode(now, true).childNodes);
  }
}

export function begin(after) {
  const seconds = Number(document.body.dataset.fresh || 0);
  if (!seconds) return;
  let failed = 0;
  const again = async () => {
    if (!document.hidden) {
      const fresh = await load(location.href);
      failed = fresh ? 0 : failed + 1;
      document.body.classList.toggle("stale", failed > 2);
      if (fresh && fresh.body.dataset.fresh) { take(fresh); after(); }
    }
    setTimeout(again, 1000 * seconds * Math.min(1 + failed, 15));
  };
  setTimeout(again, 1000 * seconds);
}
