import { fill, pick, type Random } from "./random.ts";

const WORDS = {
  thing: ["连接", "队列", "答案", "花园", "河流", "图书馆", "系统", "市场"],
  people: ["工程师", "老师", "旅行者", "读者", "邻居", "初学者"],
  quality: ["简单", "稳妥", "安静", "可靠", "循序渐进", "出人意料"],
  act: ["测量", "解释", "修复", "比较", "准备", "观察"],
  time: ["清晨", "一段时间以后", "每个星期", "刚开始的时候", "漫长的冬天里"],
  number: ["3", "12", "30", "48", "100", "2024"],
} as const;

const SENTENCES = [
  "一般来说，{quality}的{thing}更容易{act}。",
  "大多数{people}会在{time}先{act}{thing}，然后再决定怎样调整。",
  "{act}{thing}的办法大约有 {number} 种，但是能坚持下来的不多。",
  "如果觉得{thing}太慢，请先{act}，不要急着更换。",
  "优秀的{people}知道什么时候{thing}已经足够{quality}了。",
  "一次只{act}一个{thing}，其余的可以等一等。",
  "有人问：“为什么不{act}整个{thing}呢？”当时没有人回答。",
  "例如，{time}建成的{thing}往往比较{quality}。",
];

export function chineseSentence(random: Random): string {
  return fill(pick(SENTENCES, random), WORDS, random);
}
