import type { IncomingMessage } from "node:http";
import { FakeForge, type Fields } from "./fake-forge";

export const gitlabToken = "gitlab-t0ken";

/** The part of GitLab's API that the command uses: the notes of merge request 3 and the issues of project 9. */
export class FakeGitLab extends FakeForge {
  readonly notes: { id: number; body: string; author: { id: number } }[] = [];
  readonly issues: { iid: number; title: string; description: string; state: string; author: { id: number } }[] = [];

  static async start(): Promise<FakeGitLab> {
    const fake = new FakeGitLab("/api/v4");
    await fake.listen();
    return fake;
  }

  protected isAuthorized({ headers }: IncomingMessage): boolean {
    return headers["private-token"] === gitlabToken;
  }

  protected respond(endpoint: string, fields: Fields): unknown {
    const author = { id: 42 };
    const itemId = Number(/\d+$/.exec(endpoint)?.[0]);
    if (endpoint === "GET /user") return author;
    if (endpoint === "GET /projects/9/merge_requests/3/notes") return this.notes;
    if (endpoint === "POST /projects/9/merge_requests/3/notes") {
      return { id: this.notes.push({ id: 500 + this.notes.length, body: String(fields["body"]), author }) };
    }
    if (endpoint.startsWith("PUT /projects/9/merge_requests/3/notes/")) {
      return Object.assign(this.notes.find(({ id }) => id === itemId) ?? {}, fields);
    }
    if (endpoint === "GET /projects/9/issues") return this.issues.filter(({ state }) => state === "opened");
    if (endpoint === "POST /projects/9/issues") {
      const { title, description } = fields as { title: string; description: string };
      const iid = 60 + this.issues.length;
      return { id: this.issues.push({ iid, title, description, state: "opened", author }) };
    }
    if (/^POST \/projects\/9\/issues\/\d+\/notes$/.test(endpoint)) return {};
    if (/^PUT \/projects\/9\/issues\/\d+$/.test(endpoint)) {
      const state = fields["state_event"] === "close" ? { state: "closed" } : {};
      return Object.assign(this.issues.find(({ iid }) => iid === itemId) ?? {}, fields, state);
    }
    return undefined;
  }
}
