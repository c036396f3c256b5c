/** What users run: the bundle, whose HTTP library must be complete. */
import { execFile } from "node:child_process";
import { createServer, request as httpRequest } from "node:http";
import { connect, type Socket } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { selfSignedCertificate } from "./support/certificate";
import { closeServers, listen, sendJson, startServer } from "./support/server";

jest.setTimeout(20_000);

const bundle = join(__dirname, "../../dist/objects/index.js");
const program = `const pk = "b0a0e5a4-8f0b-4c43-9a5c-1b1ed0d0a001"; require(${JSON.stringify(bundle)}).Flow.read(pk, { pk }).catch(() => undefined)`;

afterEach(closeServers);

test.each([
  ["HTTP_PROXY", undefined],
  ["HTTPS_PROXY", selfSignedCertificate],
])("the bundle sends requests through the proxy of %s, with its credentials", async (variable, tls) => {
  const target = await startServer((_request, response) => sendJson(response, 404, { detail: "Not found." }), { tls });
  const received: (string | undefined)[][] = [];
  const sockets: Socket[] = [];
  const proxy = createServer((request, response) => {
    received.push([new URL(request.url ?? "").host, request.headers["proxy-authorization"]]);
    request.pipe(
      httpRequest(request.url ?? "", { headers: request.headers }, (forwarded) => {
        response.writeHead(forwarded.statusCode ?? 0, forwarded.headers);
        forwarded.pipe(response);
      }),
    );
  }).on("connect", (request, socket: Socket) => {
    received.push([request.url, request.headers["proxy-authorization"]]);
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
        AUTHENTIK_INSECURE: "true",
        [variable]: `http://me%40here:hunter2@127.0.0.1:${port}`,
      },
    });
  } finally {
    for (const socket of sockets) socket.destroy();
    proxy.closeAllConnections();
    proxy.close();
  }
  const expected = [`127.0.0.1:${target.port}`, `Basic ${Buffer.from("me@here:hunter2").toString("base64")}`];
  expect(received).toEqual(received.map(() => expected));
  expect(target.received).not.toEqual([]);
});
