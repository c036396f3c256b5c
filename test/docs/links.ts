/** The links and images of a page that are not URLs. */
export function relativeLinks(page: string): string[] {
  const markdown = withoutCode(page);
  const links = [
    ...markdown.matchAll(/\]\(([^)\s]+)\)/g),
    ...markdown.matchAll(/<(?:img|a) [^>]*(?:src|href)="([^"]+)"/g),
  ];
  return links.map((match) => match[1] ?? "").filter((link) => !/^[a-z]+:/.test(link));
}

export function withoutCode(markdown: string): string {
  return markdown.replaceAll(/^```[\s\S]*?^```$/gm, "");
}

/** The sections of a page that name a script of the repository's package.json, without saying that it is one of the repository. */
export function sectionsWithUnexplainedScripts(page: string): string[] {
  const sections = page.replaceAll(/<!--[\s\S]*?-->/g, "").split(/^(?=#+ )/m);
  return sections.filter((section) => /\bnpm (run|test)\b/.test(section) && !/\brepository\b/.test(section));
}

/** The subcommands of this package's command line that a page names. */
export function namedCommands(page: string): string[] {
  return [...page.matchAll(/npx (?:--?[\w-]+ )*pulumi-authentik-invitations(?:@[\w.-]+)? ([a-z]+)/g)].map(
    (match) => match[1] ?? "",
  );
}
