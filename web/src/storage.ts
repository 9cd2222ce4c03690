// What this browser keeps of the page. Where it keeps nothing (site data blocked, a full disk), the page
// does without: even to look at localStorage throws there.

export function readStored(key: string): string | null {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}

export function writeStored(key: string, text: string): void {
  try {
    localStorage.setItem(key, text);
  } catch {
    // It holds until the page is closed.
  }
}
