import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { chromium } from 'playwright-core';
import type { BrowserContext, Page } from 'playwright-core';

const EXECUTABLE = '/usr/bin/chromium';
export const hasChromium = existsSync(EXECUTABLE);

/** It may ask nobody anything of its own accord either. */
const FLAGS = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

export interface OpenOptions {
  readonly javaScriptEnabled?: boolean;
  readonly colorScheme?: 'light' | 'dark';
  readonly width?: number;
}

/** A page with all that happened to it. */
export interface Opened {
  readonly page: Page;
  /** What the console was told, errors of the script and of the content security policy included. */
  readonly complaints: readonly string[];
  /** Requests for anything but the file itself. */
  readonly requests: readonly string[];
}

export interface Browser {
  /** Opens a text as a file. */
  open(html: string, options?: OpenOptions): Promise<Opened>;
  close(): Promise<void>;
}

/** Debian's Chromium with a new profile for each page. */
export function browser(): Browser {
  const directory = mkdtempSync(path.join(tmpdir(), 'provision-browser-'));
  const contexts: BrowserContext[] = [];
  return {
    async open(html, { javaScriptEnabled = true, colorScheme = 'light', width = 1280 } = {}) {
      const file = path.join(directory, `page-${contexts.length}.html`);
      writeFileSync(file, html);
      const context = await chromium.launchPersistentContext(
        path.join(directory, `profile-${contexts.length}`),
        {
          executablePath: EXECUTABLE,
          headless: true,
          args: FLAGS,
          javaScriptEnabled,
          colorScheme,
          viewport: { width, height: 900 },
        },
      );
      contexts.push(context);
      const page = await context.newPage();
      const complaints: string[] = [];
      const requests: string[] = [];
      const address = pathToFileURL(file).href;
      page.on('console', (message) => complaints.push(`${message.type()}: ${message.text()}`));
      page.on('pageerror', (error) => complaints.push(`error: ${error.message}`));
      page.on('request', (request) => {
        if (request.url().split('#')[0] !== address && request.url() !== 'data:,')
          requests.push(request.url());
      });
      await page.goto(address);
      return { page, complaints, requests };
    },
    async close() {
      for (const context of contexts) await context.close();
      rmSync(directory, { recursive: true, force: true });
    },
  };
}
