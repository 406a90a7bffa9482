import type { Refusal, RefusalCause } from "./dialect.ts";

interface Row {
  readonly code: string;
  readonly message: string;
}

/** 402, 410, 451 and 502 to 504 are not known from Zhipu itself; they carry the nearest real code. */
const ROWS: Readonly<Record<number, Row>> = {
  400: { code: "1210", message: "API 调用参数有误，请检查文档。" },
  401: { code: "1000", message: "身份验证失败。" },
  402: { code: "1113", message: "您的账户已欠费，请充值后重试。" },
  403: { code: "1220", message: "您无权访问该 API。" },
  404: { code: "1211", message: "模型不存在，请检查模型代码。" },
  410: { code: "1221", message: "该 API 已下线。" },
  429: { code: "1302", message: "您当前使用该API的并发数过高，请降低并发，或联系客服增加限额。" },
  451: {
    code: "1301",
    message: "系统检测到输入或生成内容可能包含不安全或敏感内容，请您避免输入。",
  },
  500: { code: "500", message: "内部错误，请稍后重试。" },
  503: { code: "1305", message: "该模型当前访问量过大，请您稍后再试。" },
};
/** Of the codes that share a status with another. */
const OTHERS: readonly Row[] = [
  { code: "1003", message: "Authentication Token 已过期。" },
  { code: "1261", message: "Prompt 超长。" },
  { code: "1303", message: "您当前使用该 API 的频率过高，请降低频率。" },
  { code: "1304", message: "该 API 已达到今日调用次数上限。" },
  { code: "1308", message: "已达到使用上限，您的限额将在 2026-11-22 18:00:00 重置。" },
  { code: "1309", message: "您的套餐已到期。" },
  { code: "1310", message: "已达到每周使用上限，您的限额将在 2026-11-29 00:00:00 重置。" },
  { code: "1312", message: "该模型当前访问量过大，建议使用其他模型。" },
];
const NETWORK_ERROR: Row = { code: "1234", message: "网络错误，请联系客服。" };
const NO_SUCH_API: Row = { code: "1222", message: "该 API 不存在。" };

/** The error of this code, whatever its status. */
export function rowOf(code: string): Row {
  const known = [...Object.values(ROWS), NETWORK_ERROR, ...OTHERS].find((row) => row.code === code);
  return known ?? { code, message: "请求失败。" };
}

export function zhipuRefusal({ status, code, message, missing }: RefusalCause): Refusal {
  const usual = missing === "path" ? NO_SUCH_API : (ROWS[status] ?? NETWORK_ERROR);
  const row = code === undefined ? usual : rowOf(code);
  return {
    status,
    headers: { "content-type": "application/json;charset=UTF-8" },
    body: JSON.stringify({ error: { code: row.code, message: message ?? row.message } }),
  };
}
