import { createRequire } from 'node:module';
import type { CellResult, ModeResult } from './results.ts';

/** The part of echarts that is used here; its own types need those of a browser. */
interface Echarts {
  init(
    element: null,
    theme: null,
    options: { renderer: 'svg'; ssr: true; width: number; height: number },
  ): { setOption(option: object): void; renderToSVGString(): string; dispose(): void };
}

const WIDTH = 900;
const ROW_HEIGHT = 16;
const LINES_HEIGHT = 480;
const COLOURS = ['#1b6ca8', '#e07b39', '#c23b22', '#7a9e4b', '#8e6bbf', '#c7a23c', '#5b5b5b'];
const TEXT = { fontFamily: 'Arial, Helvetica, DejaVu Sans, sans-serif', fontSize: 11 };
/** Fixed: how wide a text becomes is not known without a browser. */
const LABEL_WIDTH = 310;

/** The chart of a mode, as SVG. */
export function chartOf(mode: ModeResult): string {
  const { init } = createRequire(import.meta.url)('echarts') as Echarts;
  const bars = mode.cells.reduce((sum, { contenders }) => sum + contenders.length, 0);
  const height = mode.axis === undefined ? 110 + bars * ROW_HEIGHT + mode.cells.length * 14 : LINES_HEIGHT;
  const chart = init(null, null, { renderer: 'svg', ssr: true, width: WIDTH, height });
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    color: COLOURS,
    textStyle: TEXT,
    title: { text: mode.title, left: 'center', textStyle: { ...TEXT, fontSize: 15 } },
    legend: { bottom: 0, itemGap: 36, textStyle: TEXT },
    ...(mode.axis === undefined ? barOptions(mode.cells) : lineOptions(mode.cells, mode.axis)),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  return `${svg}\n`;
}

/** Ratios where all cells have a baseline, else the figures themselves. */
function barOptions(cells: readonly CellResult[]): object {
  const isRatio = cells.every(({ baseline }) => baseline !== undefined);
  const units = [...new Set(cells.map(({ unit }) => unit))];
  const names = [...new Set(cells.flatMap(({ contenders }) => contenders.map(({ name }) => name)))];
  const bar = (cell: CellResult, name: string): number | null => {
    const one = cell.contenders.find((contender) => contender.name === name);
    const value = isRatio && name === cell.baseline ? 1 : isRatio ? one?.ratio?.median : one?.value.median;
    return value === undefined || Number.isNaN(value) ? null : Number(value.toPrecision(3));
  };
  return {
    grid: { left: LABEL_WIDTH, right: 60, top: 40, bottom: 64 },
    yAxis: { type: 'category', inverse: true, data: cells.map(cellLabel), axisLabel: TEXT },
    xAxis: {
      type: 'log',
      name: isRatio ? 'times the baseline, logarithmic' : `${units.join(', ')}, logarithmic`,
      nameLocation: 'middle',
      nameGap: 26,
    },
    series: names.map((name) => ({
      name,
      type: 'bar',
      label: { show: true, position: 'right', fontSize: 10 },
      data: cells.map((cell) => bar(cell, name)),
      ...(isRatio ? { markLine: { symbol: 'none', label: { show: false }, data: [{ xAxis: 1 }] } } : {}),
    })),
  };
}

function cellLabel({ name, unit, better }: CellResult): string {
  return `${name}\n${unit}, ${better} is better`;
}

function lineOptions(cells: readonly CellResult[], axis: string): object {
  const lines = new Map<string, [number, number][]>();
  for (const { line = '', at = 0, contenders } of cells) {
    for (const { name, value } of contenders) {
      if (Number.isNaN(value.median)) continue;
      const key = line === '' ? name : `${name}: ${line}`;
      lines.set(key, [...(lines.get(key) ?? []), [at, Number(value.median.toPrecision(3))]]);
    }
  }
  return {
    grid: { left: 60, right: 30, top: 50, bottom: 90 },
    xAxis: { type: 'log', name: axis, nameLocation: 'middle', nameGap: 28 },
    yAxis: { type: 'log', name: cells[0]?.unit ?? '', nameTextStyle: { align: 'left' } },
    series: [...lines].map(([name, data]) => ({
      name,
      type: 'line',
      data,
      label: { show: true, fontSize: 10 },
    })),
  };
}
