/** What users run: the bundle, whose HTTP library must be complete. */
import { execFile } from "node:child_process";
import { createServer } from "node:http";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { closeServers, listen, sendJson, startServer } from "./support/server";

const bundle = join(__dirname, "../../dist/lifecycle/index.js");
const program = `const pk = "b0a0e5a4-8f0b-4c43-9a5c-1b1ed0d0a001"; require(${JSON.stringify(bundle)}).Flow.read(pk, { pk }).catch(() => undefined)`;

afterEach(closeServers);

test("the bundle sends requests through the proxy of HTTP_PROXY, with its credentials", async () => {
  const target = await startServer((_request, response) => sendJson(response, 404, { detail: "Not found." }));
  const tunnels: (string | undefined)[][] = [];
  const sockets: Socket[] = [];
  const proxy = createServer().on("connect", (request, socket: Socket) => {
    tunnels.push([request.url, request.headers["proxy-authorization"]]);
    const upstream = connect(target.port, "127.0.0.1", () => {
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      upstream.pipe(socket).pipe(upstream);
    });
    sockets.push(upstream, socket);
    for (const end of [upstream, socket]) end.on("error", () => end.destroy());
  });
  const port = await listen(proxy);
  try {
    await promisify(execFile)(process.execPath, ["-e", `${program}.then(() => process.exit())`], {
      env: {
        AUTHENTIK_URL: target.url,
        AUTHENTIK_TOKEN: "t0ken",
        HTTP_PROXY: `http://me%40here:hunter2@127.0.0.1:${port}`,
      },
    });
  } finally {
    for (const socket of sockets) socket.destroy();
    proxy.close();
  }
  const tunnel = [`127.0.0.1:${target.port}`, `Basic ${Buffer.from("me@here:hunter2").toString("base64")}`];
  expect(tunnels).toEqual(tunnels.map(() => tunnel));
  expect(target.received).not.toEqual([]);
});
