/** Draws the comment that `ci preview` writes, as GitHub shows it. */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { findPrograms, getPathFolders } from "../pulumi-cli/programs";

/** Paths from the project's root: the picture, and the comment, which a test compares with that of a real run. */
export const commentPicturePath = "docs/images/preview-comment.webp";
export const commentPath = "test/gitops/preview-comment.md";

const width = 860;
const browsers = ["chromium", "chromium-browser", "google-chrome"];
/** A chunk of the WebP file that image decoders ignore. */
const sourceChunk = "SRC ";

/** Draws a comment in headless Chromium. The picture contains the comment's hash. */
export async function drawComment(markdown: string): Promise<Buffer> {
  const folder = mkdtempSync(join(tmpdir(), "preview-comment-"));
  try {
    const page = join(folder, "page.html");
    const picture = join(folder, "picture.webp");
    writeFileSync(page, await renderPage(markdown));
    const dom = await runBrowser(folder, page, "--dump-dom", `--window-size=${width},100`);
    const [, height = ""] = /<html[^>]* data-height="(\d+)"/.exec(dom) ?? [];
    await runBrowser(folder, page, `--screenshot=${picture}`, `--window-size=${width},${height}`);
    return appendChunk(readFileSync(picture), sourceChunk, hash(markdown));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** Whether this picture shows this comment. */
export function isPictureOf(picture: Buffer, markdown: string): boolean {
  return picture.subarray(-32).equals(hash(markdown)) && picture.subarray(-40, -36).toString() === sourceChunk;
}

function hash(markdown: string): Buffer {
  return createHash("sha256").update(markdown).digest();
}

async function renderPage(markdown: string): Promise<string> {
  const { marked } = await import("marked");
  const css = readFileSync(require.resolve("github-markdown-css/github-markdown-light.css"), "utf8");
  // GitHub's alerts, which its Markdown specification does not contain.
  const html = (await marked(markdown)).replace(
    /<blockquote>\s*<p>\[!(\w)(\w+)\]<\/p>(.*?)<\/blockquote>/gs,
    (_, initial: string, rest: string, content: string) => {
      const kind = `${initial}${rest.toLowerCase()}`;
      const title = `<p class="markdown-alert-title">${kind}</p>`;
      return `<div class="markdown-alert markdown-alert-${kind.toLowerCase()}">${title}${content}</div>`;
    },
  );
  return `<!doctype html><meta charset="utf-8"><style>${css}
body { margin: 0; background: #fff; }
.comment { margin: 1px; border: 1px solid #d1d9e0; border-radius: 6px; overflow: hidden; }
.author { padding: 10px 16px; background: #f6f8fa; border-bottom: 1px solid #d1d9e0; font: 14px sans-serif; color: #59636e; }
.author b { color: #1f2328; }
.markdown-body { padding: 16px; }
</style><div class="comment"><div class="author"><b>github-actions</b> bot commented</div><div class="markdown-body">${html}</div></div>
<script>
document.documentElement.dataset.height = Math.ceil(document.querySelector(".comment").getBoundingClientRect().bottom) + 1;
</script>`;
}

async function runBrowser(folder: string, page: string, ...more: string[]): Promise<string> {
  const found = await Promise.all(browsers.map((name) => findPrograms(name, getPathFolders(process.env))));
  const [browser] = found.flat();
  if (browser === undefined) throw new Error(`Install Chromium: none of ${browsers.join(", ")} is on the PATH.`);
  const options = ["--headless", "--no-sandbox", "--disable-gpu", `--user-data-dir=${folder}/profile`];
  const noNetwork = [
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
  ];
  const screen = ["--hide-scrollbars", "--force-device-scale-factor=2"];
  const args = [...options, ...noNetwork, ...screen, ...more, pathToFileURL(page).href];
  const { status, stdout, stderr } = spawnSync(browser, args, { encoding: "utf8" });
  if (status !== 0) throw new Error(`${browser} failed:\n${stderr}`);
  return stdout;
}

/** Appends a chunk to a RIFF file, and adds its length to that of the file. */
function appendChunk(file: Buffer, name: string, content: Buffer): Buffer {
  const header = Buffer.alloc(8, name);
  header.writeUInt32LE(content.length, 4);
  const riff = Buffer.concat([file, header, content]);
  riff.writeUInt32LE(riff.length - 8, 4);
  return riff;
}
