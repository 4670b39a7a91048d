// Shows the OpenAPI document of this server. Text is only ever set as text, never as markup.
"use strict";

const make = (tag, text, kind) => {
  const found = document.createElement(tag);
  if (text !== undefined) found.textContent = text;
  if (kind) found.className = kind;
  return found;
};

const typeOf = (schema) => {
  if (!schema) return "";
  if (schema.$ref) return schema.$ref.split("/").pop();
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(" or ");
  if (schema.enum) return schema.enum.map((one) => JSON.stringify(one)).join(", ");
  if (schema.type === "array") return `list of ${typeOf(schema.items)}`;
  return schema.type || "anything";
};

const table = (heads, rows) => {
  const found = make("table");
  const head = found.appendChild(make("tr"));
  for (const one of heads) head.appendChild(make("th", one));
  for (const row of rows) {
    const line = found.appendChild(make("tr"));
    for (const cell of row) line.appendChild(make("td", cell));
  }
  return found;
};

const operation = (path, method, one) => {
  const box = make("details");
  const line = box.appendChild(make("summary"));
  line.appendChild(make("span", method.toUpperCase(), "method"));
  line.appendChild(make("span", path, "path"));
  line.appendChild(make("span", ` ${one.summary} `));
  const who = `role ${one["x-role"]}${one["x-bridges"] ? ", or a Bridge's own key" : ""}`;
  line.appendChild(make("span", `(${who})`, "who"));
  if (one.parameters.length) {
    box.appendChild(table(["parameter", "in", "type", ""], one.parameters.map((p) =>
      [p.name, p.in, typeOf(p.schema), p.description || (p.schema.default === undefined ? "" : `default ${JSON.stringify(p.schema.default)}`)])));
  }
  for (const [media, { schema }] of Object.entries(one.requestBody ? one.requestBody.content : {})) {
    box.appendChild(make("p", `Body: ${typeOf(schema)} as ${media}`));
  }
  for (const [status, answer] of Object.entries(one.responses)) {
    for (const [media, { schema }] of Object.entries(answer.content || {})) {
      box.appendChild(make("p", `${status}: ${typeOf(schema)} as ${media}`));
    }
  }
  return box;
};

const show = (found) => {
  document.getElementById("about").textContent = found.info.description;
  const list = document.getElementById("operations");
  for (const [path, methods] of Object.entries(found.paths)) {
    for (const [method, one] of Object.entries(methods)) list.appendChild(operation(path, method, one));
  }
  const schemas = document.getElementById("schemas");
  for (const [name, schema] of Object.entries(found.components.schemas)) {
    const box = schemas.appendChild(make("details"));
    box.appendChild(make("summary", name));
    box.appendChild(make("p", schema.description || ""));
    box.appendChild(make("pre", JSON.stringify(schema, null, 2)));
  }
  document.getElementById("search").addEventListener("input", (event) => {
    const wanted = event.target.value.toLowerCase();
    for (const box of list.children) box.hidden = !box.textContent.toLowerCase().includes(wanted);
  });
};

fetch("v1/openapi.json").then((answer) => answer.json()).then(show);
