/** Replaces what differs between runs. `settingName` matches the name of a setting; its own name is `$1`. */
export function normalize(message: string, url: string, settingName: RegExp): string {
  return (
    message
      .replaceAll(settingName, "authentik:$1")
      .replaceAll(url, `${new URL(url).protocol}//authentik.example.com`)
      .replaceAll(/ \(request [0-9a-f]+\)/g, "")
      .replaceAll(/<[0-9a-f]{16}>/g, "<id>")
      .replaceAll(/[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "<pk>")
      .replaceAll(/Connect Timeout Error \([^)]*\)/g, "Connect Timeout Error")
      // On a busy machine, the part of a response that is sent may arrive too late.
      .replaceAll("Body Timeout Error", "Headers Timeout Error")
      // A date has no milliseconds, so that the wait is one second or two.
      .replaceAll(/Retry-After: [12] s/g, "Retry-After: 1 s")
      .replaceAll(/\bEAI_AGAIN\b/g, "ENOTFOUND")
  );
}
