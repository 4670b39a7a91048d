// What every page has: keys, times, and parts that renew themselves. Nothing here builds markup from text.
import * as keys from "./keys.js";
import * as parts from "./parts.js";
import * as sure from "./sure.js";
import * as times from "./times.js";

times.begin();
keys.begin();
sure.begin();
parts.begin(() => times.show());
