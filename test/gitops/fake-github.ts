import { writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { FakeForge, type Fields } from "./fake-forge";

export const githubToken = "gh-t0ken-of-the-run";

/** An issue, or a comment on pull request 7. */
export interface Post {
  readonly kind: "issue" | "comment";
  readonly number: number;
  readonly title?: string;
  readonly body: string;
  readonly user: { readonly type: "Bot" | "User" } | { readonly id: number };
  readonly state: "open" | "closed";
  readonly comments: string[];
}

/** The part of GitHub's API that the command uses, for the repository `team/invitations`, or the same part of Gitea's. */
export class FakeGitHub extends FakeForge {
  readonly posts: Post[] = [];

  private constructor(
    private readonly file: string,
    private readonly isGitea: boolean,
  ) {
    super(isGitea ? "/api/v1" : "/api/v3");
  }

  /** `file` gets what anyone can read in the repository. */
  static async start(file: string, isGitea = false): Promise<FakeGitHub> {
    const fake = new FakeGitHub(file, isGitea);
    await fake.listen();
    return fake;
  }

  protected isAuthorized({ headers }: IncomingMessage): boolean {
    return headers.authorization === `Bearer ${githubToken}`;
  }

  protected override paginate(rows: readonly unknown[], parameters: URLSearchParams): readonly unknown[] {
    // Gitea's list of comments has no pages.
    return this.isGitea && !parameters.has("limit") ? rows : super.paginate(rows, parameters);
  }

  protected respond(endpoint: string, fields: Fields): unknown {
    const response = this.respondTo(endpoint.replace("/repos/team/invitations", ""), fields);
    writeFileSync(this.file, JSON.stringify(this.posts));
    return response;
  }

  private respondTo(endpoint: string, fields: Fields): unknown {
    const list = (kind: Post["kind"]): unknown[] =>
      this.posts
        .filter((post) => post.kind === kind && post.state === "open")
        .map(({ number, ...post }) => ({ ...post, id: number, number }));
    const add = (kind: Post["kind"]): unknown =>
      this.posts.push({
        kind,
        number: 100 + this.posts.length,
        user: this.isGitea ? { id: -2 } : { type: "Bot" },
        state: "open",
        comments: [],
        body: "",
        ...fields,
      });
    const [, number] = /\/(\d+)(?:\/comments)?$/.exec(endpoint) ?? [];
    const post = this.posts.find((other) => String(other.number) === number);
    if (endpoint === "GET /issues/7/comments") return list("comment");
    if (endpoint === "POST /issues/7/comments") return { id: add("comment") };
    if (endpoint === "GET /issues") return list("issue");
    if (endpoint === "POST /issues") return { number: add("issue") };
    if (post?.kind === "issue" && endpoint === `POST /issues/${number}/comments`) {
      return { id: post.comments.push(String(fields["body"])) };
    }
    const isChange =
      endpoint === (post?.kind === "comment" ? `PATCH /issues/comments/${number}` : `PATCH /issues/${number}`);
    return post && isChange ? Object.assign(post, fields) : undefined;
  }
}
