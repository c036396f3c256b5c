/** Maps imports of `bundle-internals` to the bundle, as jest does: see jest.config.js. Import this first. */
import { join } from "node:path";
import { packageRoot } from "./run";

const bundled = join(packageRoot, "dist", "bundle-internals.js");
require(bundled);
require.cache[require.resolve("../bundle-internals")] = require.cache[bundled];
