import { type FileHandle, open, readdir, realpath, stat } from 'node:fs/promises';
import path from 'node:path';
import { byText } from '../model/canonical.js';
import { RoleliftError } from '../model/error.js';
import type { Gaps } from './gaps.js';

/** Bounds of what is read below one directory; what is beyond becomes a gap. */
export const fileLimits = {
  /** Bytes of one JSON file. */
  json: 48 * 1024 * 1024,
  /** Bytes of one YAML file: a YAML parser needs many times the memory of a JSON one. */
  yaml: 8 * 1024 * 1024,
  total: 512 * 1024 * 1024,
  files: 50_000,
  depth: 60,
} as const;

const wanted = /\.(?:ya?ml|json)$/i;
const skipped = new Set(['.git', 'node_modules', '.terraform']);

/** A file to be read: where it is, and how it is called in gaps (relative to the directory, `/` between parts). */
export interface ManifestFile {
  readonly file: string;
  readonly title: string;
  readonly json: boolean;
}

/** Manifest files below a directory in a fixed order; links are followed inside it only, circles and strangers are told. */
export const manifestFiles = async (root: string, gaps: Gaps): Promise<readonly ManifestFile[]> => {
  const home = await realpath(root).catch(() => null);
  if (home === null || !(await stat(home)).isDirectory())
    throw new RoleliftError({
      code: 'RL623',
      message: `${root} is no directory`,
      remedy: 'Give a directory that holds manifests to --manifests.',
      fault: 'user',
    });
  const found: ManifestFile[] = [];
  const visited = new Set<string>([home]);
  const seen = new Set<string>();
  const walk = async (directory: string, below: string, depth: number): Promise<void> => {
    if (depth > fileLimits.depth) {
      gaps.add(areaOf(below), `more than ${fileLimits.depth} directories deep`, hides);
      return;
    }
    let entries: readonly string[];
    try {
      entries = (await readdir(directory)).sort(byText);
    } catch (thrown) {
      gaps.failed(areaOf(below), thrown, hides);
      return;
    }
    for (const entry of entries) {
      if (skipped.has(entry)) continue;
      const title = below === '' ? entry : `${below}/${entry}`;
      const place = path.join(directory, entry);
      const real = await realpath(place).catch(() => null);
      if (real === null) {
        if (wanted.test(entry)) gaps.add(areaOf(title), 'a link that leads nowhere, or in a circle', hides);
        continue;
      }
      if (real !== home && !real.startsWith(home + path.sep)) {
        gaps.add(areaOf(title), 'a link that leads out of the directory: it is not followed', hides);
        continue;
      }
      const facts = await stat(real).catch(() => null);
      if (facts === null) continue;
      if (facts.isDirectory()) {
        if (visited.has(real)) continue;
        visited.add(real);
        await walk(real, title, depth + 1);
        continue;
      }
      if (!wanted.test(entry)) continue;
      if (!facts.isFile()) {
        gaps.add(areaOf(title), 'no ordinary file', hides);
        continue;
      }
      if (seen.has(real)) continue;
      seen.add(real);
      if (found.length >= fileLimits.files) {
        gaps.add('manifests', `more than ${fileLimits.files} files: the others are left out`, hides);
        return;
      }
      found.push({ file: real, title, json: /\.json$/i.test(entry) });
    }
  };
  await walk(home, '', 0);
  return found;
};

const hides = ['what this file declares'];
export const areaOf = (title: string): string => `manifests:${title === '' ? '.' : title}`;

/** Text of a file, or null and a gap: too large, binary, not UTF-8. */
export const readManifestText = async (
  file: ManifestFile,
  budget: { left: number },
  gaps: Gaps,
): Promise<string | null> => {
  const refuse = (reason: string): null => {
    gaps.add(areaOf(file.title), reason, hides);
    return null;
  };
  let handle: FileHandle | null = null;
  try {
    handle = await open(file.file, 'r');
    const { size } = await handle.stat();
    const limit = file.json ? fileLimits.json : fileLimits.yaml;
    if (size > limit)
      return refuse(`${megabytes(size)} MB: a ${file.json ? 'JSON' : 'YAML'} file may have ${megabytes(limit)} MB`);
    if (size > budget.left) return refuse(`with it more than ${megabytes(fileLimits.total)} MB would be read in all`);
    budget.left -= size;
    const bytes = await handle.readFile();
    if (bytes.subarray(0, 8192).includes(0)) return refuse('a binary file');
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (thrown) {
    return refuse(
      thrown instanceof TypeError
        ? 'not UTF-8 text'
        : `cannot be read (${(thrown as NodeJS.ErrnoException).code ?? 'error'})`,
    );
  } finally {
    await handle?.close();
  }
};

const megabytes = (bytes: number): string => (bytes / (1024 * 1024)).toFixed(1);
